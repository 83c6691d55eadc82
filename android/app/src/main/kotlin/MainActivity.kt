package chat.dunnock.app

import android.Manifest
import android.content.Intent
import android.os.Build
import android.os.Bundle
import android.view.WindowManager
import androidx.activity.ComponentActivity
import androidx.activity.compose.BackHandler
import androidx.activity.compose.setContent
import androidx.activity.enableEdgeToEdge
import chat.dunnock.bridge.Life
import chat.dunnock.platform.Notices
import chat.dunnock.ui.DunnockApp
import chat.dunnock.ui.DunnockTheme

/** The one activity: the screens, and the way from a notification to its chat. */
class MainActivity : ComponentActivity() {
    private val app get() = application as App

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        enableEdgeToEdge()
        // Other apps and the list of recent ones do not see what is written here.
        window.addFlags(WindowManager.LayoutParams.FLAG_SECURE)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) {
            requestPermissions(arrayOf(Manifest.permission.POST_NOTIFICATIONS), 0)
        }
        setContent {
            BackHandler { if (!app.model.back()) finish() }
            DunnockTheme { DunnockApp(app.model) }
        }
        if (savedInstanceState == null) follow(intent)
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        follow(intent)
    }

    override fun onStart() {
        super.onStart()
        app.model.become(Life.FOREGROUND)
    }

    override fun onStop() {
        app.model.become(Life.BACKGROUND)
        super.onStop()
    }

    private fun follow(intent: Intent?) {
        val chat = intent?.getStringExtra(Notices.EXTRA_CHAT) ?: return
        app.notices.seen(chat)
        app.model.openChat(chat)
    }
}
