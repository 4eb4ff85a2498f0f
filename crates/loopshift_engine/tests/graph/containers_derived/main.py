from collections import UserDict, deque


class Job:
    def run(self):
        pass


class Stack(list):
    def push(self, job):
        self.append(job)

    def top(self):
        return self[-1]


class Registry(dict):
    def add(self, function):
        self[function.__name__] = function
        return function

    def __missing__(self, key):
        return fallback


class Lower(UserDict):
    def __setitem__(self, key, value):
        super().__setitem__(key.lower(), value)


class Recent(deque):
    pass


def fallback():
    pass


stack = Stack([Job()])
stack.push(Job())
stack.top().run()
for job in stack:
    job.run()
stack.pop().run()

registry = Registry()


@registry.add
def known():
    pass


registry["known"]()
registry["unknown"]()
for name, function in registry.items():
    function()

lower = Lower()
lower["A"] = known
lower["a"]()

recent = Recent()
recent.append(Job())
recent.popleft().run()


class Waiting(deque):
    def run_all(self):
        while self:
            self.popleft().run()


Waiting([Job()]).run_all()
