# moves: fully
"""Threads of a patched standard library that meet at a barrier, round after round."""

from gevent import monkey
monkey.patch_all()
import threading
import time

def main():
    out = []
    barrier = threading.Barrier(2)
    def party(name):
        for round in range(3):
            out.append((name, round, barrier.wait()))
    ts = [threading.Thread(target=party, args=(n,)) for n in "ab"]
    for t in ts:
        t.start()
    for t in ts:
        t.join()
    for line in out:
        print(line)
    print(barrier.parties, barrier.n_waiting, barrier.broken)
    def lonely():
        try:
            barrier.wait()
        except threading.BrokenBarrierError:
            print("broken", barrier.broken)
    t = threading.Thread(target=lonely)
    t.start()
    time.sleep(0.02)
    barrier.abort()
    t.join()

main()
