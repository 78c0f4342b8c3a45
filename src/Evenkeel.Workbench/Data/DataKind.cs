using Evenkeel.Data;
using Evenkeel.Images;

namespace Evenkeel.Workbench.Data;

/// <summary>What kind of data a path or a name is.</summary>
internal enum DataKind
{
    /// <summary>A file with a row per sample.</summary>
    Table,

    /// <summary>A folder with a folder of pictures per class, or a CSV file of pictures and labels.</summary>
    Pictures,

    /// <summary>A set that the catalog knows by name.</summary>
    Known,
}

/// <summary>Looks at data before it is read.</summary>
internal static class DataKinds
{
    extension(DataKind)
    {
        /// <summary>The kind of some data.</summary>
        /// <param name="data">A path, or the name of a known set.</param>
        /// <exception cref="WorkbenchException">There is no such file, folder or set.</exception>
        public static DataKind Of(string data)
        {
            if (DataCatalog.EntryOf(data) is not null && !Path.Exists(data)) return DataKind.Known;
            if (Directory.Exists(data)) return DataKind.Pictures;
            if (File.Exists(data)) return IsList(data) ? DataKind.Pictures : DataKind.Table;
            string[] known = [.. DataCatalog.Entries.Select(static entry => entry.Name)];
            throw WorkbenchException.Usage(
                $"--data: expected a CSV file, a folder of pictures or one of {string.Join(", ", known)}, got "
                + $"\"{data}\", which is none.{NearestName.Hint(data, known)} Check the path.");
        }
    }

    private static bool IsList(string file)
    {
        try
        {
            return PictureData.IsList(file);
        }
        catch (Exception failure) when (UserText.IsForUser(failure))
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
    }
}
