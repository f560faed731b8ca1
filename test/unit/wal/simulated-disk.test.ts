import { expect, test } from "vitest";
import { SimulatedDisk, seededRandom } from "../../support/simulated-disk.ts";
import { newDisk } from "../../support/wal.ts";

/** What a file holds after crashes of many kinds; undefined where it has no name. */
async function afterCrashes(disk: SimulatedDisk, path: string): Promise<(string | undefined)[]> {
  return Array.from({ length: 200 }, (_, seed) => {
    const image = disk.crashImage(seededRandom(seed));
    return image.fileNames("/d").includes(path.slice(3)) ? image.contentOf(path).toString() : undefined;
  });
}

async function diskWithFile(): Promise<{
  disk: SimulatedDisk;
  file: Awaited<ReturnType<SimulatedDisk["createFile"]>>;
}> {
  const disk = newDisk();
  await disk.makeDirectory("/d");
  const file = await disk.createFile("/d/f");
  return { disk, file };
}

test("what was written and not synced is there, torn, zeros, or lost", async () => {
  const { disk, file } = await diskWithFile();
  await disk.syncDirectory("/d");
  await file.write([Buffer.from("ab"), Buffer.from("cd")], 0);
  const contents = new Set(await afterCrashes(disk, "/d/f"));
  for (const content of ["abcd", "ab", "", "\0\0\0\0", "\0\0cd"]) expect(contents).toContain(content);
});

test("writes reach the platter in any order", async () => {
  const { disk, file } = await diskWithFile();
  await disk.syncDirectory("/d");
  await file.write([Buffer.from("ab")], 0);
  await file.write([Buffer.from("cd")], 2);
  expect(await afterCrashes(disk, "/d/f")).toContain("\0\0cd");
});

test("what was synced is there, whatever comes after it", async () => {
  const { disk, file } = await diskWithFile();
  await disk.syncDirectory("/d");
  await file.write([Buffer.from("ab")], 0);
  await file.sync();
  await file.write([Buffer.from("cd")], 2);
  for (const content of await afterCrashes(disk, "/d/f")) expect(content?.startsWith("ab")).toBe(true);
});

test("a name is lost unless its directory was synced, though the file was", async () => {
  const { disk, file } = await diskWithFile();
  await file.write([Buffer.from("ab")], 0);
  await file.sync();
  expect(new Set(await afterCrashes(disk, "/d/f"))).toEqual(new Set(["ab", undefined]));
  await disk.syncDirectory("/d");
  expect(new Set(await afterCrashes(disk, "/d/f"))).toEqual(new Set(["ab"]));
});

test("a rename and an unlink happen at once or not at all", async () => {
  const { disk } = await diskWithFile();
  await disk.syncDirectory("/d");
  await disk.rename("/d/f", "/d/g");
  const names = new Set(
    Array.from({ length: 50 }, (_, seed) => disk.crashImage(seededRandom(seed)).fileNames("/d").join()),
  );
  expect(names).toEqual(new Set(["f", "g"]));
  await disk.syncDirectory("/d");
  await disk.unlink("/d/g");
  const after = await afterCrashes(disk, "/d/g");
  expect(new Set(after)).toEqual(new Set(["", undefined]));
});

test("after a sync that failed readers see what the platter may not hold, and no later sync helps", async () => {
  const lost = Array.from({ length: 50 }, async (_, seed) => {
    const disk = newDisk(seed);
    const file = await disk.createFile("/f");
    await disk.syncDirectory("/");
    await file.write([Buffer.from("ab")], 0);
    disk.onOperation = (operation) => {
      if (operation === "sync") throw new Error("EIO");
    };
    await expect(file.sync()).rejects.toThrow("EIO");
    disk.onOperation = () => undefined;
    await file.sync();
    const seen = Buffer.alloc(2);
    await file.read(seen, 0);
    expect(seen.toString()).toBe("ab");
    return disk.crashImage(seededRandom(seed)).contentOf("/f").toString() !== "ab";
  });
  expect(await Promise.all(lost)).toContain(true);
});

test("a full disk writes what fits without an error, and then says ENOSPC", async () => {
  const disk = new SimulatedDisk({ random: seededRandom(1), capacityBytes: 3 });
  const file = await disk.createFile("/f");
  expect(await file.write([Buffer.from("abcd")], 0)).toBe(3);
  await expect(file.write([Buffer.from("d")], 3)).rejects.toMatchObject({ code: "ENOSPC" });
  await disk.unlink("/f");
  const other = await disk.createFile("/g");
  expect(await other.write([Buffer.from("abc")], 0)).toBe(3);
});
