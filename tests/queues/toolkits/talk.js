// One end of a conversation over the queue `topic`:
//   node talk.js PORT ENVELOPES TOPIC receive         says what it receives, until it is killed
//   node talk.js PORT ENVELOPES TOPIC send HOW FILE   sends what is in a file; HOW the message is made: text, binary, field
const { readFileSync } = require('fs');
const { ConfigParams } = require('pip-services3-commons-node');
const { MessageEnvelope } = require('pip-services3-messaging-node');
const { MqttMessageQueue } = require('pip-services3-mqtt-node');

const [port, envelopes, topic, role, how, file] = process.argv.slice(2);
const queue = new MqttMessageQueue(topic);
queue.configure(ConfigParams.fromTuples(
    'connection.protocol', 'mqtt', 'connection.host', '127.0.0.1', 'connection.port', port,
    'client_id', `node-${process.pid}`, 'options.qos', '1',
    // Without that it never takes itself for open, and cannot send either.
    'options.serialize_envelope', envelopes, 'options.autosubscribe', 'true'));

function envelope() {
    const bytes = readFileSync(file);
    if (how !== 'field') return new MessageEnvelope('trace-1', 'order.created', how === 'text' ? bytes.toString() : bytes);
    const message = new MessageEnvelope('trace-1', 'order.created', null);
    message.message = bytes;
    return message;
}
const check = (error) => { if (error) { console.log('failed ' + error); process.exit(1); } };
const receiver = {
    receiveMessage(message, _, done) {
        const bytes = message.message == null ? Buffer.alloc(0) : Buffer.from(message.message);
        console.log(`got ${message.message_type} ${message.correlation_id} ${bytes.toString('base64')}.`);
        done(null);
    }
};
queue.open(null, (error) => {
    check(error);
    if (role === 'receive') {
        queue.beginListen(null, receiver);
        console.log('ready');
    } else {
        queue.send(null, envelope(), (error) => {
            check(error);
            console.log('sent');
            process.exit(0);
        });
    }
});
