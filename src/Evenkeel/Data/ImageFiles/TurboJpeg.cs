using System.Runtime.InteropServices;

namespace Evenkeel.Data;

/// <summary>
/// The few functions of libturbojpeg that decoding needs. They are looked up when the first JPEG is read. The names are
/// those of version 2, which version 3 keeps. Source: turbojpeg.h of libjpeg-turbo.
/// </summary>
internal sealed unsafe class TurboJpeg
{
    private static readonly string[] s_names = OperatingSystem.IsWindows()
        ? ["turbojpeg.dll", "libturbojpeg.dll", @"C:\libjpeg-turbo64\bin\turbojpeg.dll"]
        : OperatingSystem.IsMacOS() ? [
            "libturbojpeg.dylib", "libturbojpeg.0.dylib", "/opt/homebrew/lib/libturbojpeg.dylib",
            "/usr/local/lib/libturbojpeg.dylib", "/opt/local/lib/libturbojpeg.dylib"]
        : ["libturbojpeg.so.0", "libturbojpeg.so"];

    private static readonly Lazy<TurboJpeg?> s_library = new(() => Load(s_names));

    private readonly delegate* unmanaged[Cdecl]<void*> _init;
    private readonly delegate* unmanaged[Cdecl]<void*, byte*, CULong, int*, int*, int*, int*, int> _header;
    private readonly delegate* unmanaged[Cdecl]<void*, byte*, CULong, byte*, int, int, int, int, int, int> _decompress;
    private readonly delegate* unmanaged[Cdecl]<void*, byte*> _error;
    private readonly delegate* unmanaged[Cdecl]<void*, int> _errorCode;
    private readonly delegate* unmanaged[Cdecl]<void*, int> _destroy;

    private TurboJpeg(nint library)
    {
        _init = (delegate* unmanaged[Cdecl]<void*>)NativeLibrary.GetExport(library, "tjInitDecompress");
        _header =
            (delegate* unmanaged[Cdecl]<void*, byte*, CULong, int*, int*, int*, int*, int>)NativeLibrary.GetExport(
                library, "tjDecompressHeader3");
        nint decompress = NativeLibrary.GetExport(library, "tjDecompress2");
        _decompress = (delegate* unmanaged[Cdecl]<void*, byte*, CULong, byte*, int, int, int, int, int, int>)decompress;
        _error = (delegate* unmanaged[Cdecl]<void*, byte*>)NativeLibrary.GetExport(library, "tjGetErrorStr2");
        _errorCode = (delegate* unmanaged[Cdecl]<void*, int>)NativeLibrary.GetExport(library, "tjGetErrorCode");
        _destroy = (delegate* unmanaged[Cdecl]<void*, int>)NativeLibrary.GetExport(library, "tjDestroy");
    }

    /// <summary>Whether JPEG can be decoded here.</summary>
    public static bool IsAvailable => s_library.Value is not null;

    /// <summary>The library.</summary>
    /// <exception cref="FileNotFoundException">It is not installed.</exception>
    public static TurboJpeg Library => s_library.Value ?? throw Missing(s_names[0]);

    public static FileNotFoundException Missing(string name) => new(
        "ImageFile: JPEG is decoded by libturbojpeg, which is not installed or not found. "
        + "Debian and Ubuntu: apt install libturbojpeg0 (on some releases libturbojpeg). "
        + "Fedora: dnf install turbojpeg. macOS: brew install jpeg-turbo. Windows: "
        + "install libjpeg-turbo from https://libjpeg-turbo.org and put the folder of turbojpeg.dll into PATH.",
        name);

    /// <summary>
    /// The first library of these names that can be loaded and has what is needed. Null if there is none.
    /// </summary>
    public static TurboJpeg? Load(ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (!NativeLibrary.TryLoad(name, out nint library)) continue;
            try
            {
                return new TurboJpeg(library);
            }
            catch (EntryPointNotFoundException)
            {
                // The library is too old, or another one of that name. The next name is tried.
                NativeLibrary.Free(library);
            }
        }

        return null;
    }

    public void* InitDecompress() => _init();

    public int DecompressHeader(
        void* decoder, byte* source, int length, int* width, int* height, int* subsampling, int* colours) =>
        _header(decoder, source, new CULong((uint)length), width, height, subsampling, colours);

    public int Decompress(
        void* decoder, byte* source, int length, byte* target, int width, int pitch, int height, int format,
        int flags) =>
        _decompress(decoder, source, new CULong((uint)length), target, width, pitch, height, format, flags);

    public string ErrorOf(void* decoder) => Marshal.PtrToStringUTF8((nint)_error(decoder)) ?? "unknown error";

    /// <summary>
    /// Whether there was a warning during the last call; an error that stopped it may have come after.
    /// </summary>
    public bool HasWarned(void* decoder) => _errorCode(decoder) == 0;

    public void Destroy(void* decoder) => _destroy(decoder);
}
