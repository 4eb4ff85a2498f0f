# moves: fully
import importlib
import eventlet

PLUGINS = ["plugins.upper", "plugins.reverse"]


def load():
    loaded = []
    for name in PLUGINS:
        module = importlib.import_module(name)
        loaded.append(module.Plugin())
    return loaded


def main():
    text = "hello"
    for plugin in load():
        text = plugin.apply(text)
        print(plugin.name, text)


main()
