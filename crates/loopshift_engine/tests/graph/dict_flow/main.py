def a(): return 1
def b(): return 2
def c(): return 3

d = {"x": a, "y": b}
d["x"] = c
d["x"]()
d["y"]()
e = {"k": {"n": a}}
e["k"]["n"] = b
e["k"]["n"]()
ls = [a, b, c]
ls[0] = c
ls[0]()
ls[1:][0]()
ls[-1]()
t = (a, b)
t[1]()
m = {}
m["p"] = a
m["p"]()
