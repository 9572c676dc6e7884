"""Receives on `there`, says what it got, and sends it back on `back`: python echo.py PORT true|false"""
import base64
import sys
import time

import paho.mqtt.client as mqtt

# The toolkit ignores the configured port.
connect = mqtt.Client.connect
mqtt.Client.connect = lambda self, host, keepalive=60: connect(self, host, int(sys.argv[1]), keepalive)

from pip_services3_commons.config import ConfigParams
from pip_services3_messaging.queues import MessageEnvelope
from pip_services3_mqtt.queues import MqttMessageQueue


def queue(name):
    queue = MqttMessageQueue(name)
    queue.configure(ConfigParams.from_tuples(
        'connection.protocol', 'mqtt', 'connection.host', '127.0.0.1', 'connection.port', sys.argv[1],
        'client_id', 'python-' + name, 'options.qos', '1',
        'options.serialize_envelope', sys.argv[2], 'options.autosubscribe', 'true'))
    queue.open(None)
    return queue


back = queue('back')
there = queue('there')
# It never remembers that it has subscribed, and each receive would deliver everything once more.
there._subscribed = back._subscribed = True
time.sleep(1)  # open returns before the broker has granted anything
print('ready', flush=True)
back.send(None, MessageEnvelope('trace-0', 'greeting', 'ABC'))
while True:
    message = there.receive(None, 1000)
    if message is None:
        continue
    data = message.message
    data = data.encode() if isinstance(data, str) else data or b''
    print('got', message.message_type, message.correlation_id, base64.b64encode(data).decode() + '.', flush=True)
    text = data.decode()
    back.send(None, MessageEnvelope(message.correlation_id, message.message_type, text))
