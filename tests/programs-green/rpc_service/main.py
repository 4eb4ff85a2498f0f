# moves: fully
"""Services that run side by side, and a call between them."""

from app.service import Launcher
from app.workers import HeartbeatService, RpcService


def main():
    launcher = Launcher()
    launcher.add(HeartbeatService("heartbeat", interval=0.02))
    rpc = RpcService("rpc")
    launcher.add(rpc)
    launcher.start()
    print(rpc.call("add", 1, 2))
    print(rpc.call("fail"))
    launcher.wait_for(0.3)
    launcher.stop()
    print("stopped", sorted(launcher.names()))


if __name__ == "__main__":
    main()
