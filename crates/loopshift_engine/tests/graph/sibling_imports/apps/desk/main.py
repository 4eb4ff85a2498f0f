import view
from util.text import plain

view.show()
plain()
