def log(x):
    print(x)

def render(text):
    return f"<{text}>"
