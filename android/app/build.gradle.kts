// The app. The engine's library is built by cargo-ndk: `cargo install cargo-ndk`, `rustup target add aarch64-linux-android
// x86_64-linux-android`, and the NDK from Android Studio's SDK manager.
plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
    alias(libs.plugins.compose.compiler)
}

val libraries = layout.buildDirectory.dir("jniLibs")

android {
    namespace = "chat.dunnock.app"
    compileSdk = 35
    defaultConfig {
        applicationId = "chat.dunnock"
        minSdk = 26
        targetSdk = 35
        versionCode = 1
        versionName = "0.1.0"
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
    buildFeatures { compose = true }
    buildTypes {
        release {
            isMinifyEnabled = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"), "proguard-rules.pro")
        }
    }
    sourceSets["main"].jniLibs.srcDir(libraries)
}

kotlin {
    compilerOptions { jvmTarget = org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_17 }
}

/** Builds libdunnock_ffi.so for the phones' and the emulator's processors. OpenSSL is compiled along: no phone lends its own. */
val cargoNdk = tasks.register<Exec>("cargoNdk") {
    workingDir = rootDir.parentFile
    commandLine(
        "cargo", "ndk", "--platform", "26", "-t", "arm64-v8a", "-t", "x86_64", "-o", libraries.get().asFile.path,
        "build", "--release", "-p", "dunnock-ffi", "--lib", "--features", "dunnock-ffi/tor,dunnock-core/vendored-openssl",
    )
}

// Cargo knows best what is fresh, so it is asked each time.
tasks.named("preBuild") { dependsOn(cargoNdk) }

dependencies {
    implementation(project(":ui"))
    implementation(project(":platform"))
    implementation(libs.activity.compose)
    implementation(libs.coroutines.android)
    implementation(libs.jna) { artifact { type = "aar" } }
}
