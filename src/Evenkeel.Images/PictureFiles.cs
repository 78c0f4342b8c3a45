using System.Collections;
using Evenkeel.Data;

namespace Evenkeel.Images;

/// <summary>
/// Files as prepared pictures, each decoded whenever it is asked for. Several threads may ask at once.
/// </summary>
/// <param name="paths">The files.</param>
/// <param name="preparation">What is done to each.</param>
public sealed class PictureFiles(IReadOnlyList<string> paths, PicturePreparation preparation)
    : IReadOnlyList<ByteImage>
{
    /// <summary>Number of files.</summary>
    public int Count => paths.Count;

    /// <summary>A prepared picture.</summary>
    /// <param name="index">The place of its file.</param>
    /// <inheritdoc cref="ImageFile.Read(string)" path="/exception"/>
    public ByteImage this[int index] => preparation.Decode(paths[index]);

    /// <inheritdoc/>
    public IEnumerator<ByteImage> GetEnumerator()
    {
        for (int i = 0; i < Count; i++) yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
