using System.Collections;
using Evenkeel.Data;

namespace Evenkeel.Images;

/// <summary>
/// Files as prepared pictures, each decoded whenever it is asked for. Several threads may ask at once.
/// </summary>
/// <param name="files">The files.</param>
/// <param name="preparation">What is done to each.</param>
internal sealed class PictureFiles(IReadOnlyList<ImageFolderFile> files, PicturePreparation preparation)
    : IReadOnlyList<ByteImage>
{
    public int Count => files.Count;

    public ByteImage this[int index] => preparation.Decode(files[index].Path);

    public IEnumerator<ByteImage> GetEnumerator()
    {
        for (int i = 0; i < Count; i++) yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
