package chat.dunnock.window

import java.io.Closeable
import java.io.DataInputStream
import java.io.IOException
import java.net.InetAddress
import java.net.ServerSocket
import java.net.Socket
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread

/** A port of this machine that counts who comes, and answers each. */
open class Door(private val answer: (Socket) -> Unit) : Closeable {
    private val listening = ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"))
    private val count = AtomicInteger()

    val port: Int get() = listening.localPort

    /** How many came so far. */
    val visits: Int get() = count.get()

    init {
        thread(isDaemon = true) {
            while (true) {
                val visitor = try { listening.accept() } catch (_: IOException) { break }
                count.incrementAndGet()
                thread(isDaemon = true) {
                    try {
                        visitor.use(answer)
                    } catch (_: IOException) {
                        // They hung up.
                    }
                }
            }
        }
    }

    override fun close() = listening.close()
}

/** Whatever is said there, it answers as a web server does. */
fun aWebServer() = Door(::answersAsTheWeb)

private fun answersAsTheWeb(visitor: Socket) {
    visitor.getInputStream().read()
    visitor.getOutputStream().write("HTTP/1.1 400 Bad Request\r\n\r\n".toByteArray())
}

/**
 * A SOCKS5 proxy (RFC 1928) behind which one name leads to one port of this machine, and all others nowhere, as Tor's does
 * with an onion address that nobody answers at. While it is broken something else answers at its port.
 */
class Proxy(private val name: String, private val to: Int) : Closeable {
    private val streams = ConcurrentLinkedQueue<Socket>()
    @Volatile private var broken = false
    private val door = Door { visitor -> if (broken) answersAsTheWeb(visitor) else serve(visitor) }

    val port: Int get() = door.port

    /** Ends what it carries; from now on something else answers. */
    fun breaks() {
        broken = true
        streams.forEach(Socket::close)
    }

    /** It is itself again. */
    fun isMended() {
        broken = false
    }

    private fun serve(visitor: Socket) {
        val said = DataInputStream(visitor.getInputStream())
        val out = visitor.getOutputStream()
        said.readByte()
        said.readFully(ByteArray(said.readUnsignedByte()))
        out.write(byteArrayOf(5, 0))
        said.readFully(ByteArray(3))
        check(said.readUnsignedByte() == NAME) { "a name was resolved on this side of the proxy" }
        val asked = ByteArray(said.readUnsignedByte()).also(said::readFully).decodeToString()
        said.readUnsignedShort()
        if (asked != name) return out.write(byteArrayOf(5, UNREACHABLE, 0, 1, 0, 0, 0, 0, 0, 0))
        Socket("127.0.0.1", to).use { far ->
            streams += listOf(visitor, far)
            out.write(byteArrayOf(5, 0, 0, 1, 0, 0, 0, 0, 0, 0))
            val back = thread(isDaemon = true) {
                try {
                    far.getInputStream().transferTo(out)
                } catch (_: IOException) {
                    // One of them hung up; so does the other.
                }
                visitor.close()
            }
            said.transferTo(far.getOutputStream())
            far.shutdownOutput()
            back.join()
        }
    }

    override fun close() {
        breaks()
        door.close()
    }

    private companion object {
        const val NAME = 3
        const val UNREACHABLE: Byte = 4
    }
}
