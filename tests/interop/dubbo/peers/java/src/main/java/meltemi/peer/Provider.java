package meltemi.peer;

import java.io.BufferedReader;
import java.io.IOException;
import java.util.Map;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.ServiceConfig;

/** Serves Talk plainly, and once more in group `blue`, version `2.0.0`. */
final class Provider {
    private final ApplicationConfig application;
    private final ProtocolConfig protocol;
    private final int port;

    Provider(ApplicationConfig application, Map<String, String> options) {
        this.application = application;
        this.port = Integer.parseInt(options.get("port"));
        this.protocol = new ProtocolConfig("dubbo", port);
        protocol.setHost("127.0.0.1");
        protocol.setSerialization(options.getOrDefault("serialization", "hessian2"));
        if (options.containsKey("heartbeat")) protocol.setHeartbeat(Integer.valueOf(options.get("heartbeat")));
    }

    void run(BufferedReader lines) throws IOException {
        export("", null, null);
        export("blue ", "blue", "2.0.0");
        System.out.println(port);
        while (lines.readLine() != null) {}
    }

    private void export(String prefix, String group, String version) {
        ServiceConfig<Talk> service = new ServiceConfig<>();
        service.setApplication(application);
        service.setRegistry(new RegistryConfig("N/A"));
        service.setProtocol(protocol);
        service.setInterface(Talk.class);
        service.setRef(new TalkService(prefix));
        service.setGroup(group);
        service.setVersion(version);
        service.export();
    }
}
