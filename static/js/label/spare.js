// A second copy of what waits on this device. Browsers write localStorage to their disk when they find time, and forget
// its last seconds where they are killed; here each record is on the disk some milliseconds after it was kept.

const STORE = "records";
const PATIENCE = 500; // ms: so long a page waits for the copy, and goes on without it

const opened = new Promise((resolve, reject) => {
  const request = indexedDB.open("annotator", 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
}).catch(() => null); // some private windows have none

async function change(work) {
  try {
    const transaction = (await opened)?.transaction(STORE, "readwrite", { durability: "strict" });
    if (transaction) work(transaction.objectStore(STORE));
  } catch {
    // The first copy is there.
  }
}

export const put = (key, record) => change((store) => store.put(record, key));
export const drop = (keys) => change((store) => keys.forEach((key) => store.delete(key)));

const answered = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

// Everything in the copy: [key, record].
export function all() {
  const found = opened.then(async (database) => {
    const store = database.transaction(STORE).objectStore(STORE);
    const [keys, records] = await Promise.all([answered(store.getAllKeys()), answered(store.getAll())]);
    return keys.map((key, at) => [key, records[at]]);
  });
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE, []));
  return Promise.race([found, late]).catch(() => []);
}
