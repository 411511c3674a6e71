package meltemi.peer;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.MethodConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.rpc.service.GenericService;

/** The ways to call the service behind one port. */
final class References {
    private final ApplicationConfig application;
    private final Map<String, String> options;
    private final int port;
    final Talk talk;
    private Talk blue;
    private GenericService generic;

    References(ApplicationConfig application, Map<String, String> options, int port) {
        this.application = application;
        this.options = options;
        this.port = port;
        ReferenceConfig<Talk> reference = new ReferenceConfig<>();
        reference.setInterface(Talk.class);
        this.talk = refer(reference);
    }

    /** The one in group `blue`, version `2.0.0`. */
    Talk blue() {
        if (blue != null) return blue;
        ReferenceConfig<Talk> reference = new ReferenceConfig<>();
        reference.setInterface(Talk.class);
        reference.setGroup("blue");
        reference.setVersion("2.0.0");
        return blue = refer(reference);
    }

    GenericService generic() {
        if (generic != null) return generic;
        ReferenceConfig<GenericService> reference = new ReferenceConfig<>();
        reference.setInterface(Talk.class.getName());
        reference.setGeneric("true");
        return generic = refer(reference);
    }

    private <T> T refer(ReferenceConfig<T> reference) {
        MethodConfig note = new MethodConfig();
        note.setName("note");
        note.setReturn(false);
        reference.setApplication(application);
        String query = options.containsKey("query") ? "?" + options.get("query") : "";
        reference.setUrl("dubbo://peer.test:" + port + "/" + Talk.class.getName() + query);
        reference.setTimeout(Integer.valueOf(options.getOrDefault("timeout", "5000")));
        reference.setRetries(0);
        reference.setCheck(false);
        reference.setMethods(new ArrayList<>(List.of(note)));
        return reference.get();
    }
}
