# moves: fully
"""A pool of connections derived from eventlet.pools.Pool."""
import eventlet
from eventlet import pools


class Connection:
    opened = 0

    def __init__(self, dsn):
        Connection.opened += 1
        self.number = Connection.opened
        self.dsn = dsn
        self.queries = 0
        self.closed = False

    def query(self, sql):
        self.queries += 1
        eventlet.sleep(0.01)
        return f"{sql} by {self.number}"

    def close(self):
        self.closed = True


class ConnectionPool(pools.Pool):
    def __init__(self, dsn, max_size):
        self.dsn = dsn
        super().__init__(min_size=0, max_size=max_size)

    def create(self):
        return Connection(self.dsn)


class Repository:
    def __init__(self, pool):
        self.pool = pool

    def find(self, number):
        with self.pool.item() as connection:
            return connection.query(f"select {number}")

    def update(self, number):
        connection = self.pool.get()
        try:
            return connection.query(f"update {number}")
        finally:
            self.pool.put(connection)


def main():
    pool = ConnectionPool("db://test", 2)
    repository = Repository(pool)
    threads = [eventlet.spawn(repository.find, n) for n in range(3)]
    threads += [eventlet.spawn(repository.update, n) for n in range(3, 5)]
    print(sorted(thread.wait().split(" by ")[0] for thread in threads))
    print("opened", Connection.opened, "free", pool.free(), "waiting", pool.waiting())
    tokens = pools.TokenPool(max_size=1)
    order = []

    def critical(name):
        with tokens.item():
            order.append(f"{name} in")
            eventlet.sleep(0.01)
            order.append(f"{name} out")

    both = [eventlet.spawn(critical, name) for name in "ab"]
    for thread in both:
        thread.wait()
    print(order)


if __name__ == "__main__":
    main()
