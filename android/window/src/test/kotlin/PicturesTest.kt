package chat.dunnock.window

import androidx.compose.runtime.Composable
import androidx.compose.ui.ExperimentalComposeUiApi
import androidx.compose.ui.ImageComposeScene
import androidx.compose.ui.unit.Density
import chat.dunnock.ui.ChatScreen
import chat.dunnock.ui.ChatsScreen
import chat.dunnock.ui.DevicesScreen
import chat.dunnock.ui.DunnockTheme
import chat.dunnock.ui.SignInScreen
import java.io.File
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertTrue
import org.jetbrains.skia.EncodedImageFormat

/** The four screens as pictures: those in docs/screens are drawn by this, and have to be what is drawn now. */
@OptIn(ExperimentalComposeUiApi::class)
class PicturesTest {
    private val folder = File(System.getProperty("screens"))
    private val screens = mapOf<String, @Composable () -> Unit>(
        "sign-in" to { SignInScreen(signIn, {}, {}) },
        "chats" to { ChatsScreen(chats, noChats) },
        "chat" to { ChatScreen(chat, noChat) },
        "devices" to { DevicesScreen(devices, noDevices) },
    )

    private fun draw(dark: Boolean, letters: Float = 1f, screen: @Composable () -> Unit): ByteArray {
        val scene = ImageComposeScene(618, 1290, Density(1.5f, letters)) { DunnockTheme(dark, bundledFonts, afternoon, screen) }
        try {
            // Twice: what begins after the first drawing has ended half a second later.
            scene.render(0)
            return checkNotNull(scene.render(500_000_000).encodeToData(EncodedImageFormat.PNG)).bytes
        } finally {
            scene.close()
        }
    }

    @Test fun the_pictures_in_the_documentation_are_what_is_drawn_now() {
        val stale = mutableListOf<String>()
        for ((name, screen) in screens) {
            for (dark in listOf(false, true)) {
                val file = File(folder, "$name-${if (dark) "dark" else "light"}.png")
                val now = draw(dark, screen = screen)
                if (!file.exists() || !file.readBytes().contentEquals(now)) stale += file.name
                if (System.getProperty("draw") != null) file.apply { parentFile.mkdirs() }.writeBytes(now)
            }
        }
        if (System.getProperty("draw") == null) assertTrue(stale.isEmpty(), "not as drawn now, draw them anew with -Ddraw: $stale")
    }

    @Test fun the_same_screen_gives_the_same_bytes() {
        val chats = screens.getValue("chats")
        assertContentEquals(draw(false, screen = chats), draw(false, screen = chats))
    }

    @Test fun letters_of_double_size_are_drawn() {
        for ((name, screen) in screens) {
            val picture = draw(false, 2f, screen)
            System.getProperty("big")?.let { File(it, "$name-big.png").writeBytes(picture) }
            assertTrue(picture.size > 10_000, name)
        }
    }
}
