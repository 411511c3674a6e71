// bRPC for Java as a peer.
//
//   Peer server --port 0                 prints its port, serves until its standard input ends
//   Peer client --port N --calls a,b     makes the calls, prints what came of each as one line of JSON

import com.baidu.brpc.RpcContext;
import com.baidu.brpc.client.BrpcProxy;
import com.baidu.brpc.client.RpcClient;
import com.baidu.brpc.client.RpcClientOptions;
import com.baidu.brpc.client.channel.ChannelType;
import com.baidu.brpc.exceptions.RpcException;
import com.baidu.brpc.protocol.BrpcMeta;
import com.baidu.brpc.protocol.Options;
import com.baidu.brpc.server.RpcServer;
import com.baidu.brpc.server.RpcServerOptions;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

public class Peer {
  private static final int TIMEOUT_MS = 10_000;
  private static final int MANY = 50;
  private static final long LOG_ID = 77;

  // Messages with one text; the library brings no smaller one, and this needs no compiler.
  public interface Echo {
    @BrpcMeta(serviceName = "test.Echo", methodName = "Say")
    FileDescriptorProto say(FileDescriptorProto request);

    @BrpcMeta(serviceName = "test.Echo", methodName = "Fail")
    FileDescriptorProto fail(FileDescriptorProto request);

    @BrpcMeta(serviceName = "test.Echo", methodName = "Crash")
    FileDescriptorProto crash(FileDescriptorProto request);
  }

  public static class EchoService implements Echo {
    @Override
    public FileDescriptorProto say(FileDescriptorProto request) {
      RpcContext context = RpcContext.getContext();
      byte[] attachment = bytesOf(context.getRequestBinaryAttachment());
      if (attachment.length > 0) context.setResponseBinaryAttachment(Unpooled.wrappedBuffer(attachment));
      return text(request.getName());
    }

    @Override
    public FileDescriptorProto fail(FileDescriptorProto request) {
      throw new IllegalStateException("nobody");
    }

    @Override
    public FileDescriptorProto crash(FileDescriptorProto request) {
      Runtime.getRuntime().halt(1);
      return request;
    }
  }

  public static void main(String[] args) throws Exception {
    Map<String, String> options = new LinkedHashMap<>();
    for (int n = 1; n + 1 < args.length; n += 2) options.put(args[n], args[n + 1]);
    int port = Integer.parseInt(options.getOrDefault("--port", "0"));
    if (args[0].equals("server")) serve(port);
    else call(port, options.get("--calls").split(","));
    // its threads would keep the process
    Runtime.getRuntime().halt(0);
  }

  private static void serve(int wanted) throws Exception {
    int port = wanted;
    if (port == 0) {
      try (ServerSocket probe = new ServerSocket(0)) {
        port = probe.getLocalPort();
      }
    }
    RpcServerOptions options = new RpcServerOptions();
    options.setProtocolType(Options.ProtocolType.PROTOCOL_BAIDU_STD_VALUE);
    RpcServer server = new RpcServer("127.0.0.1", port, options);
    server.registerService(new EchoService());
    server.start();
    System.out.println(port);
    while (System.in.read() >= 0) {}
  }

  private static void call(int port, String[] names) throws Exception {
    for (String name : names) {
      Map<String, Object> outcome = new LinkedHashMap<>();
      outcome.put("call", name);
      RpcClient client = connect(port, name.equals("gzip"));
      long started = System.nanoTime();
      try {
        make(client, name, outcome);
      } catch (RpcException error) {
        // the library keeps the text of an error reply, and not its code
        outcome.put("error", error.getMessage());
      }
      outcome.put("ms", (System.nanoTime() - started) / 1e6);
      System.out.println(json(outcome));
    }
  }

  private static RpcClient connect(int port, boolean isCompressed) {
    RpcClientOptions options = new RpcClientOptions();
    options.setProtocolType(Options.ProtocolType.PROTOCOL_BAIDU_STD_VALUE);
    options.setReadTimeoutMillis(TIMEOUT_MS);
    options.setMaxTryTimes(1);
    options.setChannelType(ChannelType.SINGLE_CONNECTION);
    if (isCompressed) options.setCompressType(Options.CompressType.COMPRESS_TYPE_GZIP);
    return new RpcClient("list://127.0.0.1:" + port, options);
  }

  private static void make(RpcClient client, String name, Map<String, Object> outcome) throws Exception {
    Echo echo = BrpcProxy.getProxy(client, Echo.class);
    switch (name) {
      case "say" -> outcome.put("result", echo.say(text("καλημέρα")).getName());
      case "attach" -> outcome.put("same", echoes(echo, "text", "an attachment"));
      case "attachOnly" -> outcome.put("same", echoes(echo, "", "a".repeat(100_000)));
      case "big" -> outcome.put("same", echoes(echo, "y".repeat(1 << 20), "z".repeat(1 << 20)));
      case "gzip" -> outcome.put("same", echoes(echo, "z".repeat(10_000), ""));
      case "many" -> outcome.put("same", many(echo));
      case "logId" -> {
        RpcContext.getContext().reset();
        RpcContext.getContext().setLogId(LOG_ID);
        outcome.put("result", echo.say(text("logged")).getName());
      }
      case "fail" -> echo.fail(text("x"));
      case "crash" -> echo.crash(text("x"));
      default -> throw new IllegalArgumentException("no call " + name);
    }
  }

  private static boolean many(Echo echo) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(MANY);
    List<Callable<Boolean>> calls = new ArrayList<>();
    for (int n = 0; n < MANY; n++) {
      String number = String.valueOf(n);
      calls.add(() -> echoes(echo, "text " + number, "attached " + number));
    }
    boolean same = true;
    for (Future<Boolean> call : pool.invokeAll(calls)) same &= call.get();
    pool.shutdown();
    return same;
  }

  private static boolean echoes(Echo echo, String value, String attachment) {
    byte[] sent = attachment.getBytes(StandardCharsets.UTF_8);
    RpcContext.getContext().reset();
    if (sent.length > 0) RpcContext.getContext().setRequestBinaryAttachment(sent);
    String got = echo.say(text(value)).getName();
    return got.equals(value) && Arrays.equals(bytesOf(RpcContext.getContext().getResponseBinaryAttachment()), sent);
  }

  private static FileDescriptorProto text(String value) {
    return FileDescriptorProto.newBuilder().setName(value).build();
  }

  private static byte[] bytesOf(ByteBuf buffer) {
    if (buffer == null) return new byte[0];
    byte[] bytes = new byte[buffer.readableBytes()];
    buffer.getBytes(buffer.readerIndex(), bytes);
    return bytes;
  }

  private static String json(Map<String, Object> outcome) {
    StringBuilder line = new StringBuilder();
    for (Map.Entry<String, Object> fact : outcome.entrySet()) {
      Object value = fact.getValue();
      line.append(line.length() == 0 ? "{" : ",").append(quoted(fact.getKey())).append(':');
      line.append(value instanceof Number || value instanceof Boolean ? value : quoted(String.valueOf(value)));
    }
    return line.append('}').toString();
  }

  private static String quoted(String text) {
    return '"' + text.replaceAll("[\\\\\"]", "\\\\$0").replaceAll("\\p{Cntrl}", " ") + '"';
  }
}
