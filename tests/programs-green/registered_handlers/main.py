# moves: fully
import gevent

from mq import handlers  # registers
from mq.broker import Broker
from mq.worker import Worker, WorkerError


def main():
    broker = Broker(handlers.registry)
    workers = [Worker(f"w{n}", broker) for n in range(2)]
    for worker in workers:
        worker.start()
    with broker.batch() as batch:
        for n in range(3):
            batch.add("square", n)
        batch.add("greet", name="ann")
        batch.add("explode")
    for ticket in batch.tickets:
        try:
            print(ticket.name, ticket.wait(2))
        except WorkerError as error:
            print(ticket.name, "error", error, type(error.__cause__).__name__)
    broker.close()
    gevent.joinall(workers, timeout=2)
    print([w.successful() for w in workers], sum(w.handled for w in workers))
    print(sorted(w.value for w in workers))


if __name__ == "__main__":
    main()
