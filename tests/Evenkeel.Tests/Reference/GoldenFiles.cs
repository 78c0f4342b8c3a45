namespace Evenkeel.Tests.Reference;

/// <summary>The files of tests/golden, which are resources of this assembly.</summary>
internal static class GoldenFiles
{
    /// <summary>The bytes of a file, from its first one on.</summary>
    public static Stream Open(string file)
    {
        using Stream resource = typeof(GoldenFiles).Assembly.GetManifestResourceStream("golden/" + file)
            ?? throw new InvalidDataException(
                $"Golden values: expected golden/{file} among the resources, got none. CONTRIBUTING.md says how to "
                + "generate them.");
        var bytes = new MemoryStream();
        resource.CopyTo(bytes);
        bytes.Position = 0;
        return bytes;
    }
}
