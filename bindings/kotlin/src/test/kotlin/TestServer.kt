package chat.dunnock.core

import java.io.File
import java.util.concurrent.TimeUnit

/**
 * A private Prosody with these accounts, and clients that are not ours: the program `test-server` of this tree, which ends
 * with its standard input and so with this process, however that ends.
 */
class TestServer(vararg users: String) : AutoCloseable {
    private val process = ProcessBuilder(System.getProperty("dunnock.test.server"), *users)
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start()
    private val output = process.inputStream.bufferedReader()
    private val input = process.outputStream.bufferedWriter()
    private val place = answer()

    val password: String get() = place.getValue("password")
    val port: UShort get() = place.getValue("port").toUShort()
    val ca: String by lazy { File(place.getValue("ca")).readText() }

    fun jid(user: String) = "$user@${place.getValue("domain")}"

    /** What an account of this server needs. */
    fun account(user: String, password: String? = this.password) =
        NewAccount(jid(user), password, place.getValue("host"), port, Tls.START_TLS, ca, Route.Direct)

    /** Gives it a command: names and values in turn. A command that fails is a failed test. */
    fun ask(command: String, vararg rest: String): Map<String, String> {
        val fields = (listOf("do", command) + rest).chunked(2) { (name, value) -> "${quoted(name)}: ${quoted(value)}" }
        input.write(fields.joinToString(", ", "{", "}\n"))
        input.flush()
        return answer().also { check("failed" !in it) { "$command: ${it["failed"]}" } }
    }

    private fun answer(): Map<String, String> {
        val line = checkNotNull(output.readLine()) { "the test server ended" }
        return FIELD.findAll(line).associate { it.groupValues[1] to (it.groupValues[2].ifEmpty { it.groupValues[3] }) }
    }

    /** Ends it and waits until nothing of it is left. */
    override fun close() {
        input.close()
        if (!process.waitFor(60, TimeUnit.SECONDS)) process.destroyForcibly()
    }

    private companion object {
        /** A field of a flat JSON object whose strings hold nothing that has to be escaped. */
        val FIELD = Regex("\"(\\w+)\":\\s*(?:\"((?:[^\"\\\\]|\\\\.)*)\"|([\\w.]+))")

        fun quoted(text: String) = buildString {
            append('"')
            for (sign in text) {
                if (sign == '"' || sign == '\\' || sign < ' ') append("\\u%04x".format(sign.code)) else append(sign)
            }
            append('"')
        }
    }
}
