// What benches/toolkits.rs sets beside Wirework's queue: node pip_queue.js PORT COUNT WARM_UP AHEAD
// Sends COUNT messages by one MQTT queue of the Node toolkit and listens to them by another, at QoS 1 with envelopes, with
// at most AHEAD on their way; says how many seconds passed from the first send to the completion of the last.
const { ConfigParams } = require('pip-services3-commons-node');
const { MessageEnvelope } = require('pip-services3-messaging-node');
const { MqttMessageQueue } = require('pip-services3-mqtt-node');

const [port, count, warmUp, ahead] = process.argv.slice(2).map(Number);
function queue(id) {
    const queue = new MqttMessageQueue('bench');
    queue.configure(ConfigParams.fromTuples(
        'connection.protocol', 'mqtt', 'connection.host', '127.0.0.1', 'connection.port', port,
        'client_id', id, 'options.qos', '1', 'options.serialize_envelope', 'true', 'options.autosubscribe', 'true'));
    return queue;
}
const check = (error) => { if (error) { console.error(error); process.exit(1); } };
const sender = queue('node-sender');
const receiver = queue('node-receiver');
const payload = 'x'.repeat(100);
let total, done, sent, began, finished;

function more() {
    while (sent < total && sent - done < ahead) {
        sent++;
        sender.send(null, new MessageEnvelope('trace-1', 'order.created', payload), check);
    }
}
function run(messages, then) {
    [total, done, sent, finished] = [messages, 0, 0, then];
    began = process.hrtime.bigint();
    more();
}
const listener = {
    receiveMessage(message, queue, callback) {
        if (message.message.length !== payload.length) check('not what was sent');
        queue.complete(message, (error) => {
            check(error);
            callback(null);
            if (++done === total) finished(Number(process.hrtime.bigint() - began) / 1e9);
            else more();
        });
    }
};
receiver.open(null, (error) => {
    check(error);
    receiver.beginListen(null, listener);
    // It is not open without a subscription; what it would deliver to the sending queue too is not part of the work.
    sender.subscribe = (_, callback) => callback(null);
    sender.open(null, (error) => {
        check(error);
        sender._opened = true;
        run(warmUp, () => run(count, (seconds) => { console.log(seconds); process.exit(0); }));
    });
});
