package chat.dunnock.platform

import java.io.File
import java.nio.file.Files
import kotlin.test.AfterTest
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse

/** Turns every bit around, and can forget how. */
private class Turned(var lost: Boolean = false) : KeySealer {
    override fun seal(plain: ByteArray) = plain.map { (it.toInt() xor 0xff).toByte() }.toByteArray()
    override fun open(sealed: ByteArray) = if (lost) throw StoreKeyLost() else seal(sealed)
}

class StoreKeyTest {
    private val folder = Files.createTempDirectory("dunnock-key").toFile()
    private val file = File(folder, "keys/store.key")
    private val home = File(folder, "home").apply { mkdirs() }

    @AfterTest fun clean() {
        folder.deleteRecursively()
    }

    @Test fun a_key_is_made_once_and_lies_sealed() {
        val sealer = Turned()
        val key = StoreKey(file, home, sealer).bytes()
        assertEquals(32, key.size)
        assertContentEquals(sealer.seal(key), file.readBytes())
        assertContentEquals(key, StoreKey(file, home, sealer).bytes())
        assertEquals(listOf("store.key"), file.parentFile.list()?.toList())
    }

    @Test fun no_new_key_is_made_for_a_home_that_has_one() {
        File(home, "key.check").writeText("x")
        assertFailsWith<StoreKeyLost> { StoreKey(file, home, Turned()).bytes() }
        assertFalse(file.exists())
    }

    @Test fun a_key_that_cannot_be_opened_stays_where_it_is() {
        StoreKey(file, home, Turned()).bytes()
        val sealed = file.readBytes()
        assertFailsWith<StoreKeyLost> { StoreKey(file, home, Turned(lost = true)).bytes() }
        assertContentEquals(sealed, file.readBytes())
        file.writeBytes(byteArrayOf(1, 2))
        assertFailsWith<StoreKeyLost> { StoreKey(file, home, Turned()).bytes() }
    }
}
