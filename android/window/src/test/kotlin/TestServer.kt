package chat.dunnock.window

import chat.dunnock.presentation.Server
import java.io.File
import java.util.concurrent.TimeUnit

/** A private Prosody and a Romeo on slixmpp: the program `test-server`. It ends with its standard input, so with this process. */
class TestServer(vararg users: String) : AutoCloseable {
    private val process = ProcessBuilder(System.getProperty("dunnock.test.server"), *users)
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start()
    private val lines = process.inputStream.bufferedReader()
    private val commands = process.outputStream.bufferedWriter()
    private val place = answer()

    val password: String get() = place.getValue("password")

    /** What a person would fill in under "Server settings", and the authority that the platform does not know. */
    val server get() = Server(place.getValue("host"), place.getValue("port"), File(place.getValue("ca")).readText())

    fun jid(user: String) = "$user@${place.getValue("domain")}"

    /** Gives it a command: names and values in turn, without anything that JSON would have to escape. */
    fun ask(command: String, vararg rest: String): Map<String, String> {
        val fields = (listOf("do", command) + rest).chunked(2) { (name, value) -> "\"$name\": \"$value\"" }
        commands.write(fields.joinToString(", ", "{", "}\n"))
        commands.flush()
        return answer().also { check("failed" !in it) { "$command: ${it["failed"]}" } }
    }

    private fun answer(): Map<String, String> {
        val line = checkNotNull(lines.readLine()) { "the test server ended" }
        return FIELD.findAll(line).associate { it.groupValues[1] to it.groupValues[2].ifEmpty { it.groupValues[3] } }
    }

    override fun close() {
        commands.close()
        if (!process.waitFor(60, TimeUnit.SECONDS)) process.destroyForcibly()
    }

    private companion object {
        val FIELD = Regex("\"(\\w+)\":\\s*(?:\"((?:[^\"\\\\]|\\\\.)*)\"|([\\w.]+))")
    }
}
