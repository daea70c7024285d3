package dev.coffer.compat;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import software.amazon.awssdk.protocols.jsoncore.JsonWriter;

/** Named checks of one client, each of which ends as one line of JSON. */
final class Checks {
    /** What a check does; whatever it throws is its failure. */
    interface Body {
        void run() throws Exception;
    }

    /** A call that must be refused. */
    interface Call {
        Object run() throws Exception;
    }

    private record Check(String operation, String name, Body body) {}

    private final String client;
    private final List<Check> added = new ArrayList<>();

    Checks(String client) {
        this.client = client;
    }

    void add(String operation, String name, Body body) {
        added.add(new Check(operation, name, body));
    }

    /** No failure keeps a later check from its run. */
    void run() {
        for (Check check : added) {
            String detail = null;
            try {
                check.body.run();
            } catch (Exception | LinkageError error) {
                detail = error + " " + place(error);
            }
            System.out.println(line(check, detail));
        }
    }

    private String line(Check check, String detail) {
        JsonWriter json = JsonWriter.create();
        json.writeStartObject();
        member(json, "client", client);
        member(json, "operation", check.operation);
        member(json, "check", check.name);
        member(json, "result", detail == null ? "pass" : "fail");
        member(json, "detail", detail == null ? "" : detail);
        json.writeEndObject();
        return new String(json.getBytes(), java.nio.charset.StandardCharsets.UTF_8);
    }

    private static void member(JsonWriter json, String name, String value) {
        json.writeFieldName(name);
        json.writeValue(value);
    }

    /** Where in the check it happened; not where deep below. */
    private static String place(Throwable error) {
        for (StackTraceElement frame : error.getStackTrace()) {
            if (frame.getClassName().startsWith("dev.coffer") && !frame.getClassName().contains("Checks")) {
                return "(" + frame.getFileName() + ":" + frame.getLineNumber() + ")";
            }
        }
        return "";
    }

    static void equal(Object found, Object wanted) {
        if (!Objects.deepEquals(found, wanted)) {
            throw new IllegalStateException(found + " is not " + wanted);
        }
    }

    static void recent(Instant time) {
        long seconds = Duration.between(time, Instant.now()).toSeconds();
        equal(seconds > -60 && seconds < 900, true);
    }

    /** The typed exception that a call must end with. */
    static <E extends Exception> E refused(Class<E> wanted, Call call) throws Exception {
        Object answer;
        try {
            answer = call.run();
        } catch (Exception error) {
            if (wanted.isInstance(error)) {
                return wanted.cast(error);
            }
            throw error;
        }
        throw new IllegalStateException("not refused: " + answer);
    }
}
