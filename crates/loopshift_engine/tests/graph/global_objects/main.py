from settings import conf, make_conf
import settings

def use():
    conf.get("a")
    settings.conf.reload()
    return settings.make_conf().get("b")

use()
settings.hook = conf.reload
settings.hook()
settings.fire()
