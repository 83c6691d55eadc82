package chat.dunnock.app

import android.app.Application
import chat.dunnock.bridge.Trouble
import chat.dunnock.bridge.openHome
import chat.dunnock.platform.AndroidKeystore
import chat.dunnock.platform.Fetcher
import chat.dunnock.platform.Networks
import chat.dunnock.platform.Notice
import chat.dunnock.platform.Notices
import chat.dunnock.platform.StoreKey
import chat.dunnock.platform.StoreKeyLost
import chat.dunnock.platform.SyncJob
import chat.dunnock.presentation.AppModel
import java.io.File
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.withContext

/** The process: it holds the one model, which outlives the turning of the screen, and opens the home when it is needed. */
class App : Application() {
    /** What is in front of the person. */
    val model: AppModel by lazy { AppModel(::open, CoroutineScope(SupervisorJob() + Dispatchers.Main.immediate), export = ::export) }

    /** What is told beside the screens. */
    val notices: Notices by lazy { Notices(this, R.drawable.bird, MainActivity::class.java) }

    override fun onCreate() {
        super.onCreate()
        SyncJob.regularly(this, Sync::class.java)
        Networks.watch(this) { model.networkChanged() }
    }

    /** Where a file manager or a computer at the cable can reach it, for as long as the app is installed. */
    private fun export(): String = File(getExternalFilesDir(null) ?: filesDir, "dunnock-${System.currentTimeMillis()}.jsonl").path

    private suspend fun open() = withContext(Dispatchers.IO) {
        // Neither is part of a copy of the phone: see data_extraction_rules.xml.
        val home = File(noBackupFilesDir, "home")
        val key = try {
            StoreKey(File(noBackupFilesDir, "store.key"), home, AndroidKeystore()).bytes()
        } catch (_: StoreKeyLost) {
            throw Trouble("wrong_key")
        }
        try {
            openHome(home.path, key)
        } finally {
            key.fill(0)
        }
    }
}

/** Fetches in the background and tells of it. */
class Sync : SyncJob() {
    override fun fetcher() = object : Fetcher {
        override suspend fun fetch(deadline: Long): Boolean {
            val app = application as App
            val news = withContext(Dispatchers.Main) { app.model.fetch(deadline) } ?: return false
            app.notices.post(news.map { Notice(it.chat, it.name, it.count) })
            return true
        }
    }
}
