class Job:
    def run(self):
        pass

class Task:
    def execute(self):
        pass

def f1():
    pass

def f2():
    pass

jobs = [Job(), Job()]
jobs.append(Job())
for job in jobs:
    job.run()
jobs[0].run()
tasks = {"a": Task(), "b": Task()}
for name, task in tasks.items():
    task.execute()
for key in tasks:
    tasks[key].execute()
pairs = [(f1, Task()), (f2, Task())]
for fn, t in pairs:
    fn()
    t.execute()
for i, j in enumerate(jobs):
    j.run()
for a, b in zip(jobs, tasks.values()):
    a.run()
    b.execute()
first, *rest = [f1, f2, f2]
first()
for r in rest:
    r()
