import importlib
import plugins.alpha
from plugins import load_all, REGISTRY

mod = importlib.import_module("plugins.beta")
mod.run()
plugins.alpha.run()
load_all()
for name, fn in REGISTRY.items():
    fn()
getattr(mod, "extra")()
