package chat.dunnock.platform

import java.io.File
import java.nio.file.Files
import java.nio.file.StandardCopyOption
import java.security.SecureRandom

/** Seals a few bytes with a key that this interface's implementation keeps. */
interface KeySealer {
    /** The sealed form of [plain]. */
    fun seal(plain: ByteArray): ByteArray

    /** What was sealed; throws [StoreKeyLost] if it cannot be had any more. */
    fun open(sealed: ByteArray): ByteArray
}

/** The key of the store cannot be had: the phone was reset or restored, or the file is not ours. Nothing was changed. */
class StoreKeyLost(cause: Throwable? = null) : Exception("the store key cannot be opened", cause)

/**
 * The 32 bytes that open the home, kept sealed in [file]. They are made once; never again while [home] holds anything,
 * because what lies there could then not be read by anybody.
 */
class StoreKey(private val file: File, private val home: File, private val sealer: KeySealer) {
    /** The key; throws [StoreKeyLost]. Whoever takes it fills it with zeros after use. */
    fun bytes(): ByteArray = synchronized(this) {
        if (file.exists()) return opened()
        if (home.resolve("key.check").exists()) throw StoreKeyLost()
        ByteArray(LENGTH).also {
            SecureRandom().nextBytes(it)
            keep(sealer.seal(it))
        }
    }

    private fun opened(): ByteArray {
        val key = sealer.open(file.readBytes())
        if (key.size != LENGTH) throw StoreKeyLost()
        return key
    }

    /** Whole or not at all: a key that was half written is a home that is lost. */
    private fun keep(sealed: ByteArray) {
        file.parentFile?.mkdirs()
        val beside = File(file.path + ".new")
        beside.outputStream().use { it.write(sealed); it.fd.sync() }
        Files.move(beside.toPath(), file.toPath(), StandardCopyOption.ATOMIC_MOVE)
    }

    private companion object {
        const val LENGTH = 32
    }
}
