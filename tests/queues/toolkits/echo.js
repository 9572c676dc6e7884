// Receives on `there`, says what it got, and sends it back on `back`: node echo.js PORT true|false
const { ConfigParams } = require('pip-services3-commons-node');
const { MessageEnvelope } = require('pip-services3-messaging-node');
const { MqttMessageQueue } = require('pip-services3-mqtt-node');

const [port, envelopes] = process.argv.slice(2);
function queue(name) {
    const queue = new MqttMessageQueue(name);
    queue.configure(ConfigParams.fromTuples(
        'connection.protocol', 'mqtt', 'connection.host', '127.0.0.1', 'connection.port', port,
        'client_id', 'node-' + name, 'options.qos', '1',
        'options.serialize_envelope', envelopes, 'options.autosubscribe', 'true'));
    return queue;
}
const there = queue('there');
const back = queue('back');
const check = (error) => { if (error) { console.log('error ' + error); process.exit(1); } };
const bytes = (message) => message == null ? Buffer.alloc(0) : Buffer.from(message);
const receiver = {
    receiveMessage(message, _, done) {
        console.log(`got ${message.message_type} ${message.correlation_id} ${bytes(message.message).toString('base64')}.`);
        const answer = new MessageEnvelope(message.correlation_id, message.message_type, message.getMessageAsString());
        back.send(null, answer, (error) => { check(error); done(null); });
    }
};
back.open(null, (error) => {
    check(error);
    there.open(null, (error) => {
        check(error);
        there.beginListen(null, receiver);
        console.log('ready');
        back.send(null, new MessageEnvelope('trace-0', 'greeting', 'ABC'), check);
    });
});
