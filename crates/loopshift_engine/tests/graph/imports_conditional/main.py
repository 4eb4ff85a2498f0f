import sys

try:
    from fastjson_missing import dumps
except ImportError:
    from slowjson import dumps

if sys.version_info >= (3, 0):
    from slowjson import loads
else:
    from slowjson import old_loads as loads

def local():
    import slowjson as sj
    from slowjson import dumps as d
    sj.loads("x")
    return d({})

print(dumps({}))
loads("{}")
local()
