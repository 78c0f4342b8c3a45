using System.Runtime.InteropServices;
using SkiaSharp;

namespace Evenkeel.Images;

/// <summary>Whether Skia's native library is there. It comes with a package for each platform.</summary>
internal static class SkiaLibrary
{
    private static readonly Lazy<bool> s_isThere = new(IsThere);

    /// <summary>Ends reading and writing in words where the library is missing.</summary>
    /// <exception cref="FileNotFoundException">It is missing.</exception>
    public static void Require()
    {
        if (!s_isThere.Value) throw Missing();
    }

    /// <summary>The error, with what to do.</summary>
    internal static FileNotFoundException Missing() => new(
        "ImageFile: expected SkiaSharp's native library, which decodes pictures, for "
        + $"{RuntimeInformation.RuntimeIdentifier}, found none. Add the package SkiaSharp.NativeAssets of this "
        + "platform to the project (Linux: SkiaSharp.NativeAssets.Linux.NoDependencies), or read PPM/PGM, which needs "
        + "none.",
        "libSkiaSharp");

    private static bool IsThere()
    {
        try
        {
            return SkiaSharpVersion.Native.Major > 0;
        }
        catch (Exception failure) when (failure.GetBaseException() is DllNotFoundException)
        {
            return false;
        }
    }
}
