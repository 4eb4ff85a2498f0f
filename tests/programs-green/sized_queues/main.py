# moves: fully
import eventlet
from broker import Broker, Publisher, Subscriber


def collect(sub, n, out):
    for topic, message in sub:
        out.append("%s=%s" % (topic, message))
        if len(out) == n:
            sub.close()
            break


def main():
    broker = Broker()
    sport = Subscriber(broker, "sport", maxsize=2)
    everything = Subscriber(broker, "sport", "news")
    a, b = [], []
    readers = [eventlet.spawn(collect, sport, 3, a), eventlet.spawn(collect, everything, 5, b)]
    with Publisher(broker) as pub:
        for i in range(3):
            pub.send("sport", i)
            eventlet.sleep(0.005)
        pub.send("news", "x")
        pub.send("news", "y")
    for r in readers:
        r.wait()
    print(a)
    print(b)
    print(broker.topics())


if __name__ == "__main__":
    main()
