package meltemi.peer;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.logging.LogManager;
import org.apache.dubbo.config.ApplicationConfig;

/**
 * Apache Dubbo as a peer. `server port=… [name=value …]` prints the port when it serves, and ends with its standard input.
 * `client [name=value …]` reads lines of port and call, makes the call to that port, and prints what came of it as JSON.
 */
public final class Main {
    public static void main(String[] args) throws Exception {
        System.setProperty("dubbo.application.logger", "jdk");
        LogManager.getLogManager().reset();
        Map<String, String> options = new HashMap<>();
        for (int n = 1; n < args.length; n++) {
            String[] pair = args[n].split("=", 2);
            options.put(pair[0], pair[1]);
        }
        ApplicationConfig application = new ApplicationConfig("talk-" + args[0]);
        application.setQosEnable(false);
        application.setLogger("jdk");
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        if (args[0].equals("server")) new Provider(application, options).run(lines);
        else new Consumer(application, options).run(lines);
        System.exit(0);
    }
}
