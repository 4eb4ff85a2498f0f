import redis

redis.connect()
