"""Publishes numbers at QoS 1 for ever and writes down each one that was acknowledged: PORT VERSION USER PASSWORD TOPIC FILE."""

import sys
import threading

import paho.mqtt.client as mqtt

port, version, user, password, topic, path = sys.argv[1:]
protocol = mqtt.MQTTv5 if version == "5" else mqtt.MQTTv311
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="load-" + version, protocol=protocol)
client.username_pw_set(user, password)
room, gone, acknowledged = threading.Semaphore(20), threading.Event(), open(path, "w")
# paho calls back with its own lock held and takes that lock in publish(): ours is never held around a call of paho, so the
# acknowledgement may come before the number of the message is known.
lock, sent, early = threading.Lock(), {}, set()


def confirmed(value):
    acknowledged.write(f"{value}\n")
    acknowledged.flush()
    room.release()


def on_publish(_client, _user, mid, _reason, _properties):
    with lock:
        if mid in sent:
            confirmed(sent.pop(mid))
        else:
            early.add(mid)


client.on_publish = on_publish
client.on_disconnect = lambda *_: gone.set()
client.connect("127.0.0.1", int(port))
client.loop_start()
value = 0
while not gone.is_set():
    if room.acquire(timeout=0.2):
        value += 1
        mid = client.publish(topic, '{"v":%d}' % value, 1).mid
        with lock:
            if mid in early:
                early.remove(mid)
                confirmed(value)
            else:
                sent[mid] = value
