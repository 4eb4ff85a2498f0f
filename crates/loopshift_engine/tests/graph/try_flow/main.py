class AppError(Exception):
    def __init__(self, msg):
        super().__init__(msg)
        self.msg = msg

    def describe(self):
        return self.msg

class NetError(AppError):
    def describe(self):
        return "net " + super().describe()

    def retry(self):
        return True

def fetch(fail):
    if fail:
        raise NetError("down")
    return Data()

class Data:
    def close(self):
        pass

def load(fail):
    data = None
    try:
        data = fetch(fail)
    except NetError as e:
        e.retry()
        e.describe()
        return recover()
    except AppError as e:
        e.describe()
    else:
        done()
    finally:
        cleanup()
        if data:
            data.close()

def recover(): pass
def done(): pass
def cleanup(): pass

load(False)
load(True)
try:
    raise AppError("x")
except (NetError, AppError) as err:
    err.describe()
