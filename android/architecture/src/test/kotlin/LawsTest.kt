import com.lemonappdev.konsist.api.Konsist
import com.lemonappdev.konsist.api.declaration.KoFileDeclaration
import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Which part of the app may know of which. */
class LawsTest {
    private fun files(module: String): List<KoFileDeclaration> {
        val found = Konsist.scopeFromExternalDirectory("${File("..").canonicalPath}/$module/src/main").files
        assertTrue(found.isNotEmpty(), "$module: nothing was looked at")
        return found
    }

    /** A name with its package in front, as it can be written in place of an import. */
    private val qualified = Regex("\\b[a-z]\\w*(\\.[a-z]\\w*)+\\.[A-Z]\\w*")

    private fun names(file: KoFileDeclaration): List<String> {
        val written = file.text.lines().filterNot { it.startsWith("import ") || it.startsWith("package ") || it.trim().startsWith("*") || it.trim().startsWith("/") }
        return file.imports.map { it.name } + written.flatMap { line -> qualified.findAll(line).map { it.value } }
    }

    /** Fails with each file and name that breaks it. */
    private fun none(files: List<KoFileDeclaration>, forbidden: (String) -> Boolean) {
        val broken = files.flatMap { file -> names(file).filter(forbidden).map { "${file.name}: $it" } }
        assertEquals(emptyList<String>(), broken)
    }

    private fun isGenerated(name: String) = name.startsWith("chat.dunnock.core.") || name.startsWith("com.sun.jna")
    private fun isAndroid(name: String) = name.startsWith("android.") || (name.startsWith("androidx.") && !name.startsWith("androidx.compose."))
    private fun isCompose(name: String) = name.startsWith("androidx.compose.") || name.startsWith("org.jetbrains.compose.")

    @Test fun only_the_bridge_knows_the_generated_classes() {
        val all = listOf("presentation", "ui", "window", "platform", "app").flatMap(::files)
        val (bridge, others) = all.partition { it.packagee?.name == "chat.dunnock.bridge" }
        assertTrue(bridge.any { file -> file.imports.any { isGenerated(it.name) } }, "the bridge does not lead anywhere")
        none(others, ::isGenerated)
    }

    @Test fun view_models_know_neither_android_nor_compose_nor_files_nor_sockets() = none(files("presentation")) {
        isAndroid(it) || isCompose(it) || listOf("java.awt.", "javax.", "java.io.", "java.nio.", "java.net.").any(it::startsWith)
    }

    @Test fun a_name_that_is_written_out_counts_like_an_import() {
        val found = files("ui").filter { it.path.endsWith("/Parts.kt") }.flatMap(::names)
        assertTrue("androidx.compose.ui.text.TextStyle" in found, "the walk saw too little")
    }

    @Test fun screens_know_neither_android_nor_the_bridges_calls() {
        // What the bridge only names (a state, a trust) may stand on a screen; what can be called may not.
        val calls = listOf("Home", "Account", "openHome").map { "chat.dunnock.bridge.$it" }
        none(files("ui")) { isAndroid(it) || it in calls || it.startsWith("chat.dunnock.platform") || it.startsWith("androidx.compose.desktop") }
    }

    @Test fun the_platform_knows_nothing_of_messages() = none(files("platform")) { it.startsWith("chat.dunnock.") }

    @Test fun nothing_is_logged_by_the_app() {
        val all = listOf("presentation", "ui", "platform", "app").flatMap(::files)
        none(all) { it == "android.util.Log" || it.startsWith("java.util.logging") || it.startsWith("org.slf4j") }
        val printing = all.filter { file -> Regex("\\b(println|printStackTrace)\\(").containsMatchIn(file.text) }.map { it.name }
        assertEquals(emptyList<String>(), printing)
    }
}
