# moves: fully
# An event loop that an object holds, and that its methods use where it runs.
from app import App

app = App("first")
app.run([3, 1, 2])
print(app.out)
