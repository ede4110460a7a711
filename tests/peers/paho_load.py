"""Publishes numbers at QoS 1 for ever and writes down each one that was acknowledged: PORT VERSION USER PASSWORD TOPIC FILE."""

import sys
import threading

import paho.mqtt.client as mqtt

port, version, user, password, topic, path = sys.argv[1:]
protocol = mqtt.MQTTv5 if version == "5" else mqtt.MQTTv311
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="load-" + version, protocol=protocol)
client.username_pw_set(user, password)
room, sent, gone, acknowledged = threading.Semaphore(20), {}, threading.Event(), open(path, "w")
lock = threading.Lock()


def on_publish(_client, _user, mid, _reason, _properties):
    with lock:
        value = sent.pop(mid)
    acknowledged.write(f"{value}\n")
    acknowledged.flush()
    room.release()


client.on_publish = on_publish
client.on_disconnect = lambda *_: gone.set()
client.connect("127.0.0.1", int(port))
client.loop_start()
value = 0
while not gone.is_set():
    if room.acquire(timeout=0.2):
        value += 1
        with lock:
            sent[client.publish(topic, '{"v":%d}' % value, 1).mid] = value
