"""One end of a conversation over the queue `TOPIC`:

python talk.py PORT ENVELOPES TOPIC receive          says what it receives, until it is killed
python talk.py PORT ENVELOPES TOPIC send HOW FILE    sends what is in a file; HOW the message is made: text, binary, field
"""
import base64
import os
import sys
import threading
import time

import paho.mqtt.client as mqtt

port, envelopes, topic, role = sys.argv[1:5]
granted, taken = threading.Event(), threading.Event()


class Client(mqtt.Client):
    """Takes the port, which the toolkit ignores, and says what the toolkit does not wait for."""

    def connect(self, host, _ignored=1883, keepalive=60):
        self.on_subscribe = lambda *_: granted.set()
        self.on_publish = lambda *_: taken.set()
        return super().connect(host, int(port), keepalive)


mqtt.Client = Client

from pip_services3_commons.config import ConfigParams
from pip_services3_messaging.queues import MessageEnvelope
from pip_services3_mqtt.queues import MqttMessageQueue


def envelope(how, data):
    if how != 'field':
        return MessageEnvelope('trace-1', 'order.created', data.decode() if how == 'text' else data)
    message = MessageEnvelope('trace-1', 'order.created', None)
    message.message = data
    return message


queue = MqttMessageQueue(topic)
queue.configure(ConfigParams.from_tuples(
    'connection.protocol', 'mqtt', 'connection.host', '127.0.0.1', 'connection.port', port,
    'client_id', f'python-{os.getpid()}', 'options.qos', '1',
    'options.serialize_envelope', envelopes, 'options.autosubscribe', 'true' if role == 'receive' else 'false'))
queue.open(None)
if role == 'send':
    # It does not wait for the broker's answer.
    while not queue._connection.get_connection().is_connected():
        time.sleep(0.01)
    try:
        with open(sys.argv[6], 'rb') as file:
            queue.send(None, envelope(sys.argv[5], file.read()))
    except Exception as error:
        print(f'failed {type(error).__name__}: {error}', flush=True)
        os._exit(1)
    assert taken.wait(30)
    print('sent', flush=True)
    os._exit(0)
assert granted.wait(30)
# It never remembers that it has subscribed, and each receive would deliver everything once more.
queue._subscribed = True
print('ready', flush=True)
while True:
    message = queue.receive(None, 1000)
    if message is not None:
        data = message.message
        data = data.encode() if isinstance(data, str) else data or b''
        print(f'got {message.message_type} {message.correlation_id} {base64.b64encode(data).decode()}.', flush=True)
