using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using TorchSharp;

namespace Evenkeel.Interop.Tests;

/// <summary>Loads PyTorch, or says why it does not load.</summary>
/// <remarks>
/// TorchSharp's native library asks for GLIBCXX_3.4.32 (GCC 13) but needs nothing of it: the one symbol of that version
/// only makes sure that the library of iostreams is linked. On systems with an older libstdc++ (Debian 12) the loader
/// refuses it. So the requirement is marked as weak in the copy beside this program, before it is loaded.
/// </remarks>
internal static class NativeBinding
{
    private const string Library = "libLibTorchSharp.so";
    private const string Version = "GLIBCXX_3.4.32";

    /// <summary>Returns null if PyTorch runs here, else the reason.</summary>
    public static string? Load()
    {
        string path = Path.Combine(AppContext.BaseDirectory, Library);
        if (!File.Exists(path)) return $"there is no {Library} beside the program";
        try
        {
            byte[] bytes = File.ReadAllBytes(path);
            if (MakeWeak(bytes)) File.WriteAllBytes(path, bytes);
            // Loaded here, they say what is wrong in a line. TorchSharp would copy 600 MB first, and then print a page.
            NativeLibrary.Load(Path.Combine(AppContext.BaseDirectory, "libtorch_cpu.so"));
            NativeLibrary.Load(path);
            torch.set_num_threads(1);
            return torch.ones(1).item<float>() == 1 ? null : "PyTorch does not calculate";
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException or TypeInitializationException
            or NotSupportedException or IOException)
        {
            return (e.InnerException ?? e).Message.Split('\n')[0];
        }
    }

    /// <summary>
    /// Sets VER_FLG_WEAK at the requirement of the version in the section .gnu.version_r. False if it was set before.
    /// </summary>
    private static bool MakeWeak(Span<byte> elf)
    {
        const uint VersionNeeds = 0x6FFFFFFE;
        const byte Weak = 2;
        int sections = (int)BinaryPrimitives.ReadUInt64LittleEndian(elf[0x28..]), size = Word(elf, 0x3A);
        int needs = sections;
        while (Number(elf, needs + 4) != VersionNeeds) needs += size;
        int strings = Offset(elf, sections + (int)Number(elf, needs + 0x28) * size);
        bool isChanged = false;
        for (int need = Offset(elf, needs); ; need += (int)Number(elf, need + 12))
        {
            int version = need + (int)Number(elf, need + 8);
            for (int i = Word(elf, need + 2); i > 0; i--, version += (int)Number(elf, version + 12))
            {
                Span<byte> name = elf[(strings + (int)Number(elf, version + 8))..], flags = elf[(version + 4)..];
                if (!name[..name.IndexOf((byte)0)].SequenceEqual(Encoding.ASCII.GetBytes(Version))) continue;
                isChanged |= (flags[0] & Weak) == 0;
                flags[0] |= Weak;
            }

            if (Number(elf, need + 12) == 0) return isChanged;
        }
    }

    private static int Offset(ReadOnlySpan<byte> elf, int section) =>
        (int)BinaryPrimitives.ReadUInt64LittleEndian(elf[(section + 0x18)..]);

    private static uint Number(ReadOnlySpan<byte> elf, int at) => BinaryPrimitives.ReadUInt32LittleEndian(elf[at..]);

    private static ushort Word(ReadOnlySpan<byte> elf, int at) => BinaryPrimitives.ReadUInt16LittleEndian(elf[at..]);
}
