import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Sends each line of stdin as a record, and says on which partition it lies. A line is key, value and headers, the
 * headers as name=value, all in base64 and with tabs between. Arguments: the broker's address and the topic.
 */
public class Producer {
    public static void main(String[] arguments) throws Exception {
        Map<String, Object> options = Map.of("bootstrap.servers", arguments[0], "acks", "all", "linger.ms", 0);
        var text = new StringSerializer();
        try (var producer = new KafkaProducer<String, String>(options, text, text)) {
            var lines = new String(System.in.readAllBytes(), StandardCharsets.US_ASCII).lines().toList();
            for (var line : lines) {
                var parts = line.split("\t");
                var record = new ProducerRecord<>(arguments[1], plain(parts[0]), plain(parts[1]));
                for (int index = 2; index < parts.length; index++) {
                    var header = plain(parts[index]).split("=", 2);
                    record.headers().add(header[0], header[1].getBytes(StandardCharsets.UTF_8));
                }
                System.out.println(producer.send(record).get().partition());
            }
        }
    }

    static String plain(String encoded) {
        return new String(Base64.getDecoder().decode(encoded), StandardCharsets.UTF_8);
    }
}
