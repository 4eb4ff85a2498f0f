from gevent import sleep

sleep(0)
