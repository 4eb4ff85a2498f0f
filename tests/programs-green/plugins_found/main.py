# moves: no, code that can't be seen calls it
import importlib
import eventlet

PLUGINS = ["upper", "reverse"]


def load():
    loaded = []
    for name in PLUGINS:
        module = importlib.import_module("plugins." + name)
        loaded.append(module.Plugin())
    return loaded


def main():
    text = "hello"
    for plugin in load():
        text = plugin.apply(text)
        print(plugin.name, text)


main()
