from gevent import Timeout


def retry(call, times):
    for attempt in range(times):
        try:
            result = call()
        except Timeout:
            print("attempt", attempt)
        else:
            print("answer", result)
    return "given up"
